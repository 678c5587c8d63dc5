import { bucketAssets } from "../../linux/bucket-assets";
import type { AssetSource } from "../../linux/platform";

/** Streams an object, with a token of the machine's service account, which is in no argument and follows no redirect. */
const PROGRAM = `import json, shutil, sys
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener
class NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
service = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
with build_opener(ProxyHandler({})).open(Request(service, headers={"Metadata-Flavor": "Google"}), timeout=5) as answer:
    token = json.load(answer)["access_token"]
bucket, name, file = sys.argv[1:]
url = f"https://storage.googleapis.com/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media"
with build_opener(NoRedirect()).open(Request(url, headers={"Authorization": "Bearer " + token}), timeout=60) as answer, open(file, "wb") as target:
    shutil.copyfileobj(answer, target)`;

/**
 * How machines fetch assets from `gs://<bucket>/<prefix>`, with the identity of their own service account.
 *
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/get
 */
export function storageAssets(location: string): AssetSource | undefined {
  return bucketAssets(location, { scheme: "gs", program: PROGRAM, needs: ["ca-certificates"] });
}
