import { synthesize } from "../constructs";
import { townOf } from "./town";
import { buildTown } from "./town-app";

/** A town of 300 services, to look at: `npm run graph -- --app bench/town-300.ts`. */
synthesize((app) => void buildTown(app, townOf(300)));
