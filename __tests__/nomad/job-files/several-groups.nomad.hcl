# A job of three groups that reach each other through the mesh, two of them with a number of instances, and a port of the node
# for those outside.
locals {
  envoy = [
    "-c", "${NOMAD_SECRETS_DIR}/envoy_bootstrap.json", "-l", "info", "--concurrency", "1", "--disable-hot-restart",
  ]

  store = <<-EOT
    require("net").createServer((socket) => socket.end("stored")).listen(7001, "127.0.0.1");
  EOT

  api = <<-EOT
    const { connect } = require("net");
    require("http").createServer(({ url }, response) => {
      if (url === "/health") return response.end();
      connect(7100, "127.0.0.1").on("error", ({ code }) => response.writeHead(502).end(code)).pipe(response);
    }).listen(7002, "127.0.0.1");
  EOT

  page = <<-EOT
    require("http").createServer(async (_, response) => {
      const answer = await fetch(process.env.API);
      response.writeHead(answer.status).end("page of " + (await answer.text()));
    }).listen(7003);
  EOT
}

job "shop" {
  datacenters = ["*"]

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  update {
    max_parallel     = 1
    min_healthy_time = "1s"
    healthy_deadline = "2m"
    auto_revert      = true
  }

  group "store" {
    shutdown_delay = "3s"

    ephemeral_disk {
      size    = 200
      sticky  = true
      migrate = true
    }

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
      name = "shop-store"
      port = "7001"

      check {
        name     = "alive"
        type     = "script"
        command  = "/bin/true"
        task     = "store"
        interval = "2s"
        timeout  = "2s"
      }

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

    task "store" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", local.store]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }

  group "api" {
    count          = 2
    shutdown_delay = "3s"

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
      name = "shop-api"
      port = "7002"

      check {
        name     = "healthy"
        type     = "http"
        path     = "/health"
        expose   = true
        interval = "1s"
        timeout  = "1s"
      }

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "shop-store"
              local_bind_port  = 7100
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

    task "api" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", local.api]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }

  group "page" {
    shutdown_delay = "3s"

    network {
      mode = "bridge"

      port "outside" {
        static = 7300
        to     = 7003
      }
    }

    restart {
      attempts = 10
      interval = "30m"
      delay    = "1s"
      mode     = "fail"
    }

    service {
      name = "shop-page"
      port = "7003"

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "shop-api"
              local_bind_port  = 7101
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
      name = "shop-page-outside"
      port = "outside"
      tags = ["balancer.enable=true", "balancer.path=/shop"]

      check {
        name     = "listens"
        type     = "tcp"
        interval = "2s"
        timeout  = "2s"
      }
    }

    task "page" {
      driver = "raw_exec"

      config {
        command = "node"
        args    = ["-e", local.page]
      }

      env {
        API = "http://${NOMAD_UPSTREAM_ADDR_shop_api}"
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
