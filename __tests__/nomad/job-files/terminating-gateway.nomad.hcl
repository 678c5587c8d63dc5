# The way out to two services outside, one of them by TLS with an authority of its own.
job "exit" {
  datacenters = ["*"]

  group "exit" {
    count = 2

    network {
      mode = "bridge"
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name = "exit"

      check {
        name     = "exit listens"
        type     = "tcp"
        interval = "2s"
        timeout  = "2s"
      }

      connect {
        gateway {
          proxy {}

          terminating {
            service {
              name    = "bank"
              ca_file = "/etc/bank/ca.pem"
              sni     = "bank.example.com"
            }

            service {
              name = "printer"
            }
          }
        }

        sidecar_task {
          shutdown_delay = "5s"

          resources {
            cpu    = 250
            memory = 128
          }

          logs {
            max_files     = 2
            max_file_size = 2
          }

          config {
            args = [
              "-c",
              "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json",
              "-l",
              "${meta.connect.log_level}",
              "--concurrency",
              "${meta.connect.proxy_concurrency}",
              "--disable-hot-restart",
              "--config-yaml",
              "{\"layered_runtime\":{\"layers\":[{\"name\":\"gateway\",\"static_layer\":{\"upstream.healthy_panic_threshold\":0,\"outlier_detection.max_ejection_percent\":50}}]}}",
            ]
          }
        }
      }
    }
  }
}
