# A batch job that others dispatch with an order, which then writes to a database through the mesh.
job "invoice" {
  datacenters = ["*"]
  type        = "batch"
  priority    = 30

  parameterized {
    payload       = "required"
    meta_required = ["order"]
    meta_optional = ["reason"]
  }

  group "invoice" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"
    }

    restart {
      attempts = 2
      interval = "1h"
      delay    = "10s"
      mode     = "fail"
    }

    service {
      name = "invoice"
      port = "8000"

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name   = "ledger"
              local_bind_address = "127.0.0.2"
              local_bind_port    = 5432
              datacenter         = "dc2"

              mesh_gateway {
                mode = "local"
              }
            }
          }
        }
      }
    }

    task "invoice" {
      driver = "exec"

      config {
        command = "local/invoice"
        args    = ["--order=${NOMAD_META_order}"]
      }

      artifact {
        source      = "git::https://git.example.com/invoice.git"
        destination = "local/invoice"
        mode        = "dir"

        options {
          ref   = "v1.4.0"
          depth = "1"
        }
      }

      dispatch_payload {
        file = "order.json"
      }

      secret "database" {
        provider = "nomad"
        path     = "secrets/invoice"

        config {
          namespace = "default"
        }
      }

      env {
        PASSWORD = "${secret.database.password}"
      }
    }

    task "report" {
      driver = "docker"

      lifecycle {
        hook = "poststop"
      }

      config {
        image = "example/report:1"
      }
    }
  }
}
