# A mode that is not named, interpolated names, and tags.
job "agents" {
  type = "system"

  group "agent" {
    network {
      port "api" {
        static = 7777
      }
    }

    service {
      name         = "${JOB}-${TASKGROUP}"
      port         = "api"
      address_mode = "host"
      tags         = ["${attr.unique.hostname}"]
      task         = "agent"

      check {
        name     = "alive"
        type     = "script"
        command  = "/bin/true"
        interval = "30s"
        timeout  = "5s"

        check_restart {
          limit = 3
        }
      }
    }

    task "agent" {
      driver = "raw_exec"

      config {
        command = "agent"
      }

      resources {
        cpu        = 200
        memory     = 64
        memory_max = 128
      }

      constraint {
        attribute = "${attr.kernel.name}"
        value     = "linux"
      }
    }
  }
}
