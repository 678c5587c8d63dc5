# A gateway that Nomad runs.
job "entrance" {
  group "entrance" {
    network {
      mode = "bridge"

      port "inbound" {
        static = 8088
        to     = 8088
      }
    }

    service {
      name = "entrance"
      port = "8088"

      connect {
        gateway {
          proxy {
            connect_timeout = "3s"
          }

          ingress {
            listener {
              port     = 8088
              protocol = "tcp"

              service {
                name = "plain-api"
              }
            }
          }
        }
      }
    }
  }
}
