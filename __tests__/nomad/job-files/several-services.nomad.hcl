# One program with two services of the mesh, each with an Envoy of its own, and a third outside the mesh; a task before it.
locals {
  envoy = [
    "-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "info", "--concurrency", "1", "--disable-hot-restart",
  ]

  accounts = <<-EOT
    const { createServer } = require("http");
    const { readFileSync } = require("fs");
    createServer(async ({ url }, response) => {
      if (url === "/health") return response.end();
      const answer = await fetch("http://" + process.env.NOMAD_UPSTREAM_ADDR_shop_api);
      response.writeHead(answer.status).end("accounts, " + (await answer.text()));
    }).listen(7011, "127.0.0.1");
    createServer((_, response) => response.end("admin, " + readFileSync(process.env.PREPARED, "utf8"))).listen(7012, "127.0.0.1");
    createServer((_, response) => response.end("figures")).listen(process.env.NOMAD_PORT_figures);
  EOT
}

job "accounts" {
  datacenters = ["*"]

  group "accounts" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"

      port "figures" {}
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    update {
      canary           = 1
      auto_promote     = true
      min_healthy_time = "1s"
    }

    service {
      name = "accounts"
      port = "7011"
      task = "server"

      meta {
        figures_path = "/figures"
      }

      check {
        name                   = "healthy"
        type                   = "http"
        path                   = "/health"
        expose                 = true
        interval               = "1s"
        timeout                = "1s"
        success_before_passing = 1
      }

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "shop-api"
              local_bind_port  = 7110
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

    service {
      name = "accounts-admin"
      port = "7012"

      connect {
        sidecar_service {}

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

    service {
      name = "accounts-figures"
      port = "figures"
      tags = ["scrape"]

      check {
        name     = "figures"
        type     = "http"
        path     = "/"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "prepare" {
      driver = "raw_exec"

      lifecycle {
        hook = "prestart"
      }

      config {
        command = "sh"
        args    = ["-c", "printf prepared > $NOMAD_ALLOC_DIR/data/prepared"]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", local.accounts]
      }

      env {
        PREPARED = "${NOMAD_ALLOC_DIR}/data/prepared"
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
