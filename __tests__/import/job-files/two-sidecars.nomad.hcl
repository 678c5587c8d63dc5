# Two services of one group, an own Envoy, and an upstream in another datacenter.
job "orders" {
  update {
    max_parallel = 2
    auto_revert  = true
  }

  group "orders" {
    count          = 3
    shutdown_delay = "7s"

    network {
      mode = "bridge"

      port "envoy" {
        to = -1
      }
    }

    scaling {
      enabled = false
      min     = 1
      max     = 5
    }

    service {
      name = "orders"
      port = "9000"

      check {
        type     = "grpc"
        interval = "3s"
        timeout  = "1s"
        expose   = true
        port     = "envoy"
      }

      connect {
        sidecar_service {
          tags = ["proxy"]

          proxy {
            local_service_address = "127.0.0.2"

            upstreams {
              destination_name = "plain-api"
              local_bind_port  = 7001
            }

            upstreams {
              destination_name   = "ledger"
              datacenter         = "dc2"
              local_bind_address = "127.0.0.3"
              local_bind_port    = 7002

              mesh_gateway {
                mode = "remote"
              }

              config {
                connect_timeout_ms = 800
              }
            }
          }
        }

        sidecar_task {
          name   = "envoy"
          driver = "raw_exec"

          config {
            command = "/opt/envoy"
            args    = ["-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json"]
          }

          kill_signal    = "SIGTERM"
          shutdown_delay = "2s"

          logs {
            max_files     = 1
            max_file_size = 5
          }
        }
      }
    }

    service {
      name = "orders-admin"
      port = "9100"

      connect {
        sidecar_service {
          disable_default_tcp_check = true
        }
      }
    }

    task "orders" {
      driver = "podman"

      config {
        image = "example/orders:3"
      }

      vault {
        policies = ["orders"]
      }

      identity {
        name = "vault_default"
        aud  = ["vault.io"]
        ttl  = "1h"
      }
    }
  }
}
