/** For each folder of ours, what it may import. */
declare const FOLDERS: Readonly<Record<string, readonly string[]>>;
export = FOLDERS;
