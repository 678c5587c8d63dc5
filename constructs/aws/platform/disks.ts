import type { Distribution } from "../../linux/distribution";

/**
 * The name of the root disk's device, as the images of each distribution have it. A block device mapping of another name adds a disk, and leaves
 * the root disk as small as the image.
 */
export const ROOT_DEVICES: Readonly<Record<Distribution, string>> = {
  "debian-12": "/dev/xvda",
  "ubuntu-24.04": "/dev/sda1",
};
