# A volume of a CSI plugin for each instance, and the metrics of its Envoy at a port that metadata in Consul tells.
job "series" {
  datacenters = ["*"]
  node_pool   = "storage"
  priority    = 70

  group "series" {
    count          = 2
    shutdown_delay = "30s"

    volume "data" {
      type            = "csi"
      source          = "series"
      access_mode     = "single-node-writer"
      attachment_mode = "file-system"
      per_alloc       = true

      mount_options {
        fs_type     = "ext4"
        mount_flags = ["noatime"]
      }
    }

    volume "certificates" {
      type      = "host"
      source    = "certificates"
      read_only = true
    }

    network {
      mode = "bridge"

      port "envoy" {
        to = 9102
      }
    }

    restart {
      attempts         = 3
      interval         = "5m"
      delay            = "25s"
      mode             = "delay"
      render_templates = true
    }

    migrate {
      max_parallel     = 1
      health_check     = "task_states"
      min_healthy_time = "30s"
      healthy_deadline = "10m"
    }

    disconnect {
      lost_after = "6h"
      replace    = false
      reconcile  = "keep_original"
    }

    service {
      name = "series"
      port = "9090"
      tags = ["http.enable=true"]

      meta {
        envoy_port = "${NOMAD_HOST_PORT_envoy}"
      }

      check {
        name     = "healthy"
        type     = "http"
        path     = "/-/healthy"
        expose   = true
        interval = "10s"
        timeout  = "2s"
      }

      connect {
        sidecar_service {
          proxy {
            config {
              envoy_prometheus_bind_addr = "0.0.0.0:9102"
            }
          }
        }

        sidecar_task {
          shutdown_delay = "1s"

          resources {
            cpu    = 128
            memory = 96
          }

          logs {
            max_files     = 2
            max_file_size = 2
          }
        }
      }
    }

    task "series" {
      driver = "docker"
      user   = "65534"

      config {
        image = "example/series:2"
        args  = ["--data=/data"]
      }

      volume_mount {
        volume      = "data"
        destination = "/data"
      }

      volume_mount {
        volume           = "certificates"
        destination      = "/etc/certificates"
        read_only        = true
        propagation_mode = "host-to-task"
      }

      resources {
        cpu        = 500
        memory     = 512
        memory_max = 1024
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "2m"
    }
  }
}
