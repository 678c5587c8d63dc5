import type { InstanceFactSource } from "../../linux/platform";
import { commandLine } from "../../linux/shell";

const tagOf = (fact: string) => `meshform:${fact}`;

/**
 * IMDSv2, by Python, since curl may not be there yet. No proxy may come in between.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
 */
const functions = `instance_tags() { # <fact>=<tag>…
  python3 - "$facts" "$@" <<'END'
import pathlib, sys, urllib.error, urllib.request
folder = pathlib.Path(sys.argv[1])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(method, path, header, value):
    url = "http://169.254.169.254/latest/" + path
    with opener.open(urllib.request.Request(url, method=method, headers={"X-aws-ec2-metadata-token" + header: value}), timeout=5) as answer:
        return answer.read().decode()
try:
    token = ask("PUT", "api/token", "-ttl-seconds", "60")
    for fact, tag in (pair.split("=") for pair in sys.argv[2:]):
        try:
            (folder / fact).write_text(ask("GET", "meta-data/tags/instance/" + tag, "", token))
        except urllib.error.HTTPError as error:
            sys.exit(f"The instance metadata has no tag {tag} ({error.code}). Give the launch template the tags that cloudInit returns, and instance_metadata_tags = enabled.")
except OSError as error:
    sys.exit(f"The instance metadata service does not answer: {error}.")
END
}`;

/** Tags of instances, which any process of the machine can read where the launch template allows it, and which take no permission. */
export const instanceTags: InstanceFactSource = {
  tagOf,
  functions,
  lines: (facts) => [commandLine(["instance_tags", ...facts.map((fact) => `${fact}=${tagOf(fact)}`)])],
};
