# On every node of a pool, on the node's own network: a proxy that speaks mutual TLS by itself.
job "edge" {
  datacenters = ["dc1", "dc2"]
  type        = "system"
  priority    = 90

  ui {
    description = "What comes in from **outside**."

    link {
      label = "Dashboard"
      url   = "https://edge.example.com"
    }
  }

  meta {
    owner = "platform"
  }

  group "edge" {
    shutdown_delay = "3s"

    constraint {
      attribute = "${node.class}"
      value     = "edge"
    }

    constraint {
      attribute = "${attr.nomad.version}"
      operator  = "version"
      value     = ">= 1.8"
    }

    network {
      mode = "host"

      port "http" {
        static = 80
      }

      port "https" {
        static       = 443
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
      name = "edge"
      port = "8443"
      task = "edge"

      meta {
        instance = "${NOMAD_ALLOC_ID}"
      }

      check {
        name         = "listens"
        type         = "tcp"
        port         = "https"
        interval     = "5s"
        timeout      = "2s"
      }

      connect {
        native = true
      }
    }

    task "edge" {
      driver = "docker"

      config {
        image        = "example/edge:3"
        network_mode = "host"
        args         = ["--http=:${NOMAD_PORT_http}", "--https=${NOMAD_ADDR_https}"]
      }

      consul {}

      identity {
        env  = true
        file = true
      }

      action "routes" {
        command = "/bin/edge"
        args    = ["routes"]
      }
    }
  }
}
