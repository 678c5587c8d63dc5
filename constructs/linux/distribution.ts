/** A distribution that the hosts of a cloud can run, on amd64 and arm64. */
export type Distribution = "ubuntu-24.04" | "debian-12";

/** The names of their releases in the package repositories. */
export const CODENAMES: Readonly<Record<Distribution, string>> = { "ubuntu-24.04": "noble", "debian-12": "bookworm" };
