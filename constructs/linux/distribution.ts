/** Distributions that cloud hosts can run, and the names of their releases. */
export const CODENAMES = { "ubuntu-24.04": "noble", "debian-12": "bookworm" } as const;

export type Distribution = keyof typeof CODENAMES;
