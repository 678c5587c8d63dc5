import { commandLine } from "../shell";

/** Shell lines that install packages of the distribution, as far as they are missing. */
export function systemPackageLines(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [
    `missing=()
for name in ${commandLine(names)}; do
  dpkg-query --show --showformat '\${Status}\\n' "$name" 2>/dev/null | grep -q ' installed$' || missing+=("$name")
done
system_packages() {
  local options=(--quiet --yes --option Acquire::Retries=3 --option DPkg::Lock::Timeout=300)
  apt-get "\${options[@]}" update &&
    DEBIAN_FRONTEND=noninteractive apt-get "\${options[@]}" install --no-install-recommends "\${missing[@]}"
}
[ "\${#missing[@]}" -eq 0 ] || attempt system_packages`,
  ];
}
