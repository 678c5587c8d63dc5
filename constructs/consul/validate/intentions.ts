import { itemsOf, known, listOf, textsOf, type Place } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { atMostOne, examineMethods, examinePath, isSet, LONGEST_TEXT } from "./common";

const ACTIONS = ["allow", "deny"];

export function examineIntentions(place: Place, entry: consul.ServiceIntentionsConfigEntry): void {
  place.required("Name", entry.Name, "Name the service, or use * for all.");
  examineWildcard(place, "Name", entry.Name);
  examineProviders(place.block("JWT"), entry.JWT);
  const sources = itemsOf(entry.Sources);
  if (sources.length === 0) {
    place.refuse("Sources", entry.Sources, "at least one source", "Add a source, or omit the entry.");
  }
  const seen = new Set<string>();
  sources.forEach((source, index) => {
    const here = place.block(`Sources[${index}]`);
    examineSource(here, source, entry.Name === "*");
    const { Name = "", Peer = "", SamenessGroup = "", Namespace = "", Partition = "" } = source;
    const key = JSON.stringify([Name, Peer, SamenessGroup, Namespace, Partition]);
    if (seen.has(key)) {
      here.refuse("Name", Name, "must be unique", "Merge the two.", {
        comparedWith: [Peer, SamenessGroup, Namespace, Partition],
        saidBy: "conflicting-intention",
      });
    }
    seen.add(key);
  });
}

function examineSource(place: Place, source: consul.SourceIntention, isForAll: boolean): void {
  const { Action = "", Peer = "", Partition = "", SamenessGroup = "", Type = "", Description = "" } = source;
  const permissions = itemsOf(source.Permissions);
  place.required("Name", source.Name, "Name the service that calls, or use * for all.");
  examineWildcard(place, "Name", source.Name);
  if (Peer.includes("*")) {
    place.refuse("Peer", Peer, "the name of one peer", "Set the name.");
  }
  if (Peer !== "" && Partition !== "") {
    place.refuse("Partition", Partition, "cannot be set with Peer", "Omit one of the two.", { comparedWith: Peer });
  }
  if (SamenessGroup !== "" && (Peer !== "" || Partition !== "")) {
    place.refuse("SamenessGroup", SamenessGroup, "cannot be set with Peer or Partition", "Omit it.", {
      comparedWith: [Peer, Partition],
    });
  }
  if (Buffer.byteLength(Description) > LONGEST_TEXT) {
    place.refuse("Description", Description, `at most ${LONGEST_TEXT} characters`, "Shorten it.");
  }
  place.oneOf("Type", Type === "" ? undefined : Type, ["consul"]);
  if ((source.Permissions ?? []).length === 0) {
    if (!ACTIONS.includes(Action)) {
      const saidBy = source.Permissions === undefined ? undefined : "no-permissions";
      place.refuse("Action", source.Action, listOf(ACTIONS), "Set Action, or give Permissions.", { saidBy });
    }
  } else if (Action !== "") {
    place.refuse("Action", Action, "cannot be set with Permissions", "Omit one of the two.", {
      comparedWith: source.Permissions,
    });
  }
  if (isForAll && permissions.length > 0) {
    place.refuse("Permissions", source.Permissions, "cannot be set for the destination *", "Set Action.");
  }
  permissions.forEach((permission, index) => {
    examinePermission(place.block(`Permissions[${index}]`), permission);
  });
}

function examinePermission(place: Place, permission: consul.IntentionPermission): void {
  place.oneOf("Action", permission.Action ?? "", ACTIONS);
  examineProviders(place.block("JWT"), permission.JWT);
  const http = known(permission.HTTP);
  if (http === undefined) {
    place.refuse("HTTP", permission.HTTP, "a block that matches requests", "Set it.");
    return;
  }
  const here = place.block("HTTP");
  examinePath(here, "PathExact", http.PathExact, "permission-path");
  examinePath(here, "PathPrefix", http.PathPrefix, "permission-path");
  const { PathExact, PathPrefix, PathRegex, Header, Methods } = http;
  const paths = atMostOne(here, { PathExact, PathPrefix, PathRegex }, "permission-path");
  itemsOf(Header).forEach((header, index) => {
    examineHeader(here.block(`Header[${index}]`), header);
  });
  examineMethods(here, textsOf(Methods));
  if (paths === 0 && (Header ?? []).length === 0 && (Methods ?? []).length === 0) {
    place.refuse("HTTP", http, "a block with a path, a header or a method", "Set a path, a header or a method.");
  }
}

function examineHeader(place: Place, header: consul.IntentionHTTPHeaderPermission): void {
  place.required("Name", header.Name, "Name the header.");
  const { Present, Exact, Prefix, Suffix, Contains, Regex, IgnoreCase } = header;
  const forms = { Present, Exact, Prefix, Suffix, Contains, Regex };
  if (atMostOne(place, forms) === 0) {
    place.refuse("Present", Present, `true, or one of ${Object.keys(forms).slice(1).join(", ")}`, "Set one of them.", {
      comparedWith: header,
    });
  }
  if (IgnoreCase === true && (isSet(Present) || isSet(Regex))) {
    place.refuse("IgnoreCase", true, "cannot be true with Present and Regex", "Omit it.", {
      comparedWith: [Present, Regex],
    });
  }
}

function examineProviders(place: Place, requirement: consul.IntentionJWTRequirement | undefined): void {
  itemsOf(known(requirement)?.Providers).forEach(({ Name }, index) => {
    place.block(`Providers[${index}]`).required("Name", Name, "Name a jwt-provider.");
  });
}

function examineWildcard(place: Place, field: string, name: string | undefined): void {
  if (name !== undefined && name !== "*" && name.includes("*")) {
    place.refuse(field, name, "a name, or * for all services", "Name the service: there are no patterns.");
  }
}
