# All traffic goes through Envoy, but for what a probe and a backup need; names are resolved by servers of its own.
job "billing" {
  datacenters = ["*"]

  group "billing" {
    count          = 2
    shutdown_delay = "20s"

    network {
      mode     = "bridge"
      hostname = "billing.example.com"

      dns {
        servers  = ["10.0.0.2", "10.0.0.3"]
        searches = ["example.com"]
        options  = ["ndots:2"]
      }

      port "probe" {
        static = 9999
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name      = "billing"
      port      = "8000"
      on_update = "ignore_warnings"

      check {
        name     = "ledger"
        type     = "script"
        command  = "/bin/ledger"
        args     = ["check"]
        task     = "ledger"
        interval = "30s"
        timeout  = "10s"

        check_restart {
          limit           = 2
          grace           = "90s"
          ignore_warnings = true
        }
      }

      connect {
        sidecar_service {
          disable_default_tcp_check = true

          proxy {
            transparent_proxy {
              uid                    = "101"
              outbound_port          = 15001
              exclude_inbound_ports  = ["probe", "9998"]
              exclude_outbound_ports = [123]
              exclude_outbound_cidrs = ["10.9.0.0/16"]
              exclude_uids           = ["1000"]
              no_dns                 = true
            }
          }
        }
      }
    }

    task "billing" {
      driver = "java"

      config {
        jar_path    = "local/billing.jar"
        jvm_options = ["-Xmx200m"]
      }

      artifact {
        source      = "https://downloads.example.com/billing.jar"
        destination = "local/billing.jar"
        mode        = "file"

        options {
          checksum = "sha256:aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f"
        }

        headers {
          User-Agent = "nomad"
        }
      }

      resources {
        cores  = 1
        memory = 256
      }
    }

    task "ledger" {
      driver = "docker"
      leader = true

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      config {
        image = "example/ledger:1"
      }

      restart {
        attempts = 1
        interval = "1h"
        delay    = "5s"
        mode     = "delay"
      }

      resources {
        device "nvidia/gpu" {
          count = 1

          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "2 GiB"
          }
        }
      }
    }
  }
}
