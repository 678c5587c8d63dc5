# Services that belong to tasks, and to the group, none of them in the mesh.
job "records" {
  group "records" {
    count = 2

    network {
      port "db" {}

      port "metrics" {
        to = 9187
      }
    }

    service {
      port     = "metrics"
      provider = "nomad"
      tags     = ["metrics"]
    }

    ephemeral_disk {
      migrate = true
      sticky  = true
    }

    task "database" {
      driver = "docker"
      user   = "postgres"
      leader = true

      config {
        image = "example/database:15"
        ports = ["db"]
      }

      service {
        name     = "records-db"
        port     = "db"
        provider = "nomad"

        check {
          type     = "tcp"
          interval = "5s"
          timeout  = "1s"
        }
      }
    }
  }
}
