/** Whether the labs of suites that run on either profile are secure: `npm run test:secure` sets the variable. */
export const IS_SECURE = process.env.MESHFORM_TEST_PROFILE === "secure";

/** The servers of the first datacenter: three may lose one. */
export const SERVERS = IS_SECURE ? ["server-1", "server-2", "server-3"] : ["server-1"];
