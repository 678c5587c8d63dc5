import { Workload } from "../../constructs";

/** A workload about which nothing matters. */
export const anyWorkload = Workload.docker({ image: "example/app:1" });
