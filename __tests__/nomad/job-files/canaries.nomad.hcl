# Four instances, of which a new version gets one canary, told apart by tags and metadata, until people promote it.
job "cart" {
  datacenters = ["*"]
  namespace   = "shop"
  all_at_once = true

  group "cart" {
    count          = 4
    shutdown_delay = "3s"

    spread {
      attribute = "${node.datacenter}"
      weight    = 80

      target "dc1" {
        percent = 75
      }

      target "dc2" {
        percent = 25
      }
    }

    affinity {
      attribute = "${meta.disk}"
      value     = "ssd"
      weight    = 30
    }

    constraint {
      operator = "distinct_hosts"
      value    = "true"
    }

    network {
      mode = "bridge"

      port "grpc" {
        to = 7070
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    reschedule {
      delay          = "10s"
      delay_function = "fibonacci"
      max_delay      = "10m"
      unlimited      = true
    }

    update {
      max_parallel      = 2
      canary            = 1
      min_healthy_time  = "30s"
      healthy_deadline  = "3m"
      progress_deadline = "15m"
      auto_revert       = true
      stagger           = "1m"
    }

    scaling {
      min = 2
      max = 8

      policy {
        cooldown = "2m"
      }
    }

    service {
      name                = "cart"
      port                = "7070"
      tags                = ["v2", "grpc"]
      canary_tags         = ["canary"]
      enable_tag_override = true

      meta {
        version = "2"
      }

      canary_meta {
        version = "next"
      }

      tagged_addresses {
        wan = "203.0.113.9:7070"
      }

      weights {
        passing = 4
        warning = 1
      }

      check {
        name                     = "serving"
        type                     = "grpc"
        port                     = "grpc"
        grpc_service             = "cart.v1.Cart"
        interval                 = "10s"
        timeout                  = "2s"
        success_before_passing   = 2
        failures_before_warning  = 1
        failures_before_critical = 3
      }

      connect {
        sidecar_service {
          tags = ["proxy"]
        }
      }
    }

    task "cart" {
      driver = "docker"

      config {
        image = "example/cart:2"
        ports = ["grpc"]
      }

      vault {
        role          = "cart"
        change_mode   = "signal"
        change_signal = "SIGUSR1"
        env           = false
        disable_file  = true
      }

      template {
        data        = <<-EOT
          {{ with secret "kv/data/cart" }}
          REDIS_PASSWORD={{ .Data.data.password }}
          {{ end }}
        EOT
        destination = "secrets/redis.env"
        env         = true
      }

      identity {
        name        = "cloud"
        aud         = ["sts.example.com"]
        file        = true
        ttl         = "1h"
        change_mode = "restart"
      }
    }
  }
}
