import { commandLine } from "../shell";

/** Returns shell lines that install missing packages of the distribution. They need {@link SYSTEM_FUNCTIONS}. */
export function systemPackageLines(names: readonly string[]): string[] {
  return names.length === 0 ? [] : [commandLine(["system_packages", ...names])];
}

export const SYSTEM_FUNCTIONS = `apt_install() { # <package…>
  local options=(--quiet --yes --option Acquire::Retries=3 --option DPkg::Lock::Timeout=300)
  apt-get "\${options[@]}" update &&
    DEBIAN_FRONTEND=noninteractive apt-get "\${options[@]}" install --no-install-recommends "$@"
}
system_packages() { # <package…>
  local name missing=()
  for name; do
    dpkg-query --show --showformat '\${Status}\\n' "$name" 2>/dev/null | grep -q ' installed$' || missing+=("$name")
  done
  [ "\${#missing[@]}" -eq 0 ] || attempt apt_install "\${missing[@]}"
}`;
