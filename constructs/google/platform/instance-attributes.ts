import type { CloudInit } from "../../linux/cloud-init";
import type { InstanceFactSource } from "../../linux/platform";
import { commandLine } from "../../linux/shell";

const tagOf = (fact: string) => `meshform-${fact}`;

/** The metadata server asks for its header, and no proxy may come in between. Python asks, since curl may not be there yet. */
const functions = `instance_attributes() { # <fact>=<attribute>…
  python3 - "$facts" "$@" <<'END'
import pathlib, sys, urllib.error, urllib.request
folder = pathlib.Path(sys.argv[1])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(attribute):
    url = "http://169.254.169.254/computeMetadata/v1/instance/attributes/" + attribute
    with opener.open(urllib.request.Request(url, headers={"Metadata-Flavor": "Google"}), timeout=5) as answer:
        return answer.read().decode()
try:
    for fact, attribute in (pair.split("=") for pair in sys.argv[2:]):
        try:
            (folder / fact).write_text(ask(attribute))
        except urllib.error.HTTPError as error:
            sys.exit(f"The instance metadata has no attribute {attribute} ({error.code}). Give the instance template the metadata of instanceMetadata.")
except OSError as error:
    sys.exit(f"The metadata server does not answer: {error}.")
END
}`;

/**
 * Custom metadata of instances, which any process of the machine can read, and which takes no permission.
 *
 * @see https://cloud.google.com/compute/docs/metadata/setting-custom-metadata
 */
export const instanceAttributes: InstanceFactSource = {
  tagOf,
  functions,
  lines: (facts) => [commandLine(["instance_attributes", ...facts.map((fact) => `${fact}=${tagOf(fact)}`)])],
};

/**
 * Returns the `metadata` of an instance template: the user data as cloud-init reads it, and the values of instance facts.
 *
 * @see https://docs.cloud-init.io/en/latest/reference/datasources/gce.html
 * @see https://github.com/hashicorp/terraform-provider-google/blob/main/website/docs/r/compute_instance_template.html.markdown
 *
 * @example
 * const metadata = instanceMetadata(servers.cloudInit({ distribution: "ubuntu-24.04", assets: "gs://acme-assets/meshform" }));
 */
export function instanceMetadata({ userData, tags }: Pick<CloudInit, "userData" | "tags">): Record<string, string> {
  return { "user-data": userData, "user-data-encoding": "base64", ...tags };
}
