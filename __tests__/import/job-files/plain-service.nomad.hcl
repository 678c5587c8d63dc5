# As short as a job with a sidecar can be: Nomad's defaults for all the rest.
job "plain" {
  group "api" {
    network {
      mode = "bridge"
    }

    service {
      name = "plain-api"
      port = "9001"

      connect {
        sidecar_service {}
      }
    }

    task "web" {
      driver = "docker"

      config {
        image = "example/plain:1"
      }
    }
  }
}
