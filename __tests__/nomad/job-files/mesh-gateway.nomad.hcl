# A mesh gateway on every node that has the network "public".
job "crossing" {
  datacenters = ["*"]
  type        = "system"

  group "crossing" {
    network {
      mode = "bridge"

      port "wan" {
        static       = 8443
        to           = 8443
        host_network = "public"
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name = "crossing"
      port = "wan"

      tagged_addresses {
        wan = "${attr.unique.platform.aws.public-ipv4}:8443"
      }

      check {
        name     = "crossing listens"
        type     = "tcp"
        port     = "wan"
        interval = "2s"
        timeout  = "2s"
      }

      connect {
        gateway {
          mesh {}

          proxy {
            connect_timeout = "10s"
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
              "{\"layered_runtime\":{\"layers\":[{\"name\":\"gateway\",\"static_layer\":{\"outlier_detection.max_ejection_percent\":50}}]}}",
            ]
          }
        }
      }
    }
  }
}
