# Nothing of a mesh: a batch job without network or services.
job "cleanup" {
  type     = "batch"
  region   = "global"
  priority = 20

  periodic {
    cron             = "15 2 * * *"
    prohibit_overlap = true
  }

  reschedule {
    attempts  = 2
    interval  = "1h"
    unlimited = false
  }

  group "cleanup" {
    task "cleanup" {
      driver = "exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "rm -rf /srv/cache/*"]
      }

      kill_timeout = "0s"

      logs {
        max_files = 1
      }
    }
  }
}
