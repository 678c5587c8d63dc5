# A service at a port of the node that leads to another inside: for the mesh, and for those outside as well.
locals {
  envoy = [
    "-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "info", "--concurrency", "1", "--disable-hot-restart",
  ]
}

job "catalogue" {
  datacenters = ["*"]

  group "main" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"

      port "http" {
        to = 7021
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    update {
      canary           = 1
      auto_promote     = true
      min_healthy_time = "1s"
    }

    service {
      name = "catalogue"
      port = "http"
      tags = ["edge.enable=true"]

      check {
        name     = "answers"
        type     = "http"
        path     = "/"
        port     = "http"
        interval = "1s"
        timeout  = "1s"
      }

      connect {
        sidecar_service {
          proxy {
            local_service_port = 7021
          }
        }

        sidecar_task {
          driver         = "raw_exec"
          shutdown_delay = "1s"

          config {
            command  = "envoy"
            work_dir = "${NOMAD_ALLOC_DIR}/.."
            args     = local.envoy
          }

          resources {
            cpu    = 50
            memory = 64
          }

          logs {
            max_files     = 2
            max_file_size = 2
          }
        }
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", "require('http').createServer((_, response) => response.end('catalogue')).listen(process.env.PORT)"]
      }

      env {
        PORT = "${NOMAD_PORT_http}"
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
