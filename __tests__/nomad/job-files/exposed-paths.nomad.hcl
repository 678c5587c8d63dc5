# Envoy opens two paths of one port, each at a port of the node; the checks ask there.
job "reports" {
  datacenters = ["dc1"]

  group "reports" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"

      port "alive" {
        to = -1
      }

      port "figures" {
        to = -1
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    update {
      canary       = 1
      auto_promote = true
    }

    ephemeral_disk {
      size = 500
    }

    service {
      name = "reports"
      port = "8080"

      check {
        name     = "alive"
        type     = "http"
        path     = "/alive"
        port     = "alive"
        interval = "10s"
        timeout  = "3s"

        check_restart {
          limit = 3
          grace = "2m"
        }
      }

      check {
        name      = "figures"
        type      = "http"
        path      = "/figures"
        port      = "figures"
        interval  = "20s"
        timeout   = "3s"
        on_update = "ignore"
      }

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "registry"
              local_bind_port  = 18080
            }

            expose {
              path {
                path            = "/alive"
                protocol        = "http"
                local_path_port = 8080
                listener_port   = "alive"
              }

              path {
                path            = "/figures"
                protocol        = "http"
                local_path_port = 8081
                listener_port   = "figures"
              }
            }
          }
        }

        sidecar_task {
          shutdown_delay = "1s"

          config {
            image = "envoyproxy/envoy:v1.34.1"
          }

          resources {
            cpu    = 60
            memory = 64
          }

          logs {
            max_files     = 2
            max_file_size = 2
          }
        }
      }
    }

    task "reports" {
      driver = "docker"

      config {
        image = "example/reports:4"
      }

      template {
        data          = "registry {{ env \"NOMAD_UPSTREAM_ADDR_registry\" }}\n"
        destination   = "local/reports.conf"
        change_mode   = "script"
        perms         = "640"
        error_on_missing_key = true

        change_script {
          command       = "/bin/reload"
          args          = ["--quietly"]
          timeout       = "20s"
          fail_on_error = true
        }

        wait {
          min = "2s"
          max = "10s"
        }
      }

      logs {
        max_files     = 3
        max_file_size = 20
      }
    }
  }
}
