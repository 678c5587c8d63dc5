# One that connects to another file's service, and is open on a static port.
variable "image" {
  type    = string
  default = "example/dashboard:2"
}

locals {
  owner = "team-a"
}

job "dashboard" {
  datacenters = ["dc1"]

  meta {
    owner = local.owner
  }

  group "dashboard" {
    count = 1

    network {
      mode = "bridge"

      port "http" {
        static = 9002
        to     = 9002
      }
    }

    restart {
      attempts = 3
    }

    service {
      name = "dashboard"
      port = "http"

      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "2s"
      }

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "plain-api"
              local_bind_port  = 8080
            }

            config {
              protocol = "http"
            }
          }
        }

        sidecar_task {
          resources {
            cpu = 60
          }
        }
      }
    }

    task "dashboard" {
      driver = "docker"

      env {
        COUNTING_SERVICE_URL = "http://${NOMAD_UPSTREAM_ADDR_plain_api}"
        GREETING             = "It's \"quoted\", `ticked` and costs $5"
      }

      config {
        image = var.image

        auth_soft_fail = true
        labels {
          team = "a"
        }

        mount {
          type   = "bind"
          source = "local"
          target = "/etc/dashboard"
        }
      }

      template {
        destination = "local/dashboard.conf"
        data        = <<-EOT
          path = C:\temp
          {{ range service "db" }}server {{ .Address }}:{{ .Port }}
          {{ end }}`quoted` $${NOT_NOMAD}
        EOT
      }
    }
  }
}
