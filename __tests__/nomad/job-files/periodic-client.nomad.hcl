# Once a year, a task that offers nothing, and reaches others through the mesh.
locals {
  envoy = [
    "-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "info", "--concurrency", "1", "--disable-hot-restart",
  ]

  tour = <<-EOT
    const { env, exit } = process;
    const wanted = {
      [env.NOMAD_UPSTREAM_ADDR_shop_page]: "page of stored",
      [env.NOMAD_UPSTREAM_ADDR_accounts]: "accounts, stored",
      [env.NOMAD_UPSTREAM_ADDR_accounts_admin]: "admin, prepared",
      [env.NOMAD_UPSTREAM_ADDR_catalogue]: "catalogue",
    };
    const ask = async (address) => {
      for (let left = 60; ; left--) {
        const text = await fetch("http://" + address).then((answer) => answer.text(), ({ message }) => message);
        if (text === wanted[address]) return;
        if (left === 0) throw new Error(address + " answers " + text);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    };
    Promise.all(Object.keys(wanted).map(ask)).then(() => exit(0), (error) => { console.error(error); exit(1); });
  EOT
}

job "tour" {
  datacenters = ["*"]
  type        = "batch"

  periodic {
    crons            = ["0 3 1 1 *"]
    time_zone        = "Europe/Berlin"
    prohibit_overlap = true
  }

  group "tour" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"
    }

    restart {
      attempts = 0
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    service {
      name = "tour"

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "shop-page"
              local_bind_port  = 7130
            }

            upstreams {
              destination_name = "accounts"
              local_bind_port  = 7131
            }

            upstreams {
              destination_name = "accounts-admin"
              local_bind_port  = 7132
            }

            upstreams {
              destination_name = "catalogue"
              local_bind_port  = 7133
            }
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

    task "tour" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", local.tour]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
