import { isSeen } from "../cluster/fact";
import { serviceOfQuery } from "../lab/cluster/prepared-query";
import type { ConnectionFacts, Instance, RegisteredUpstream } from "./facts";
import { NotVisible, seen } from "./link";

/**
 * The upstreams of an instance that lead to the destination: by its name, or by a prepared query that looks it up.
 *
 * @throws NotVisible if only a prepared query may lead there, and Consul does not show it
 */
export function upstreamsTo(
  { question, queries }: ConnectionFacts,
  { upstreams }: Instance,
): readonly RegisteredUpstream[] {
  const byName = upstreams.filter(({ name, isQuery }) => !isQuery && name === question.destination);
  const byQuery = upstreams.filter(({ isQuery }) => isQuery);
  if (byQuery.length === 0) return byName;
  const known = byName.length > 0 && queries && !isSeen(queries) ? [] : seen(queries);
  const queryOf = ({ name }: RegisteredUpstream) => known.find(({ Name }) => Name === name);
  const own = byQuery.filter((it) => {
    const query = queryOf(it);
    return query !== undefined && serviceOfQuery(query) === question.destination;
  });
  const hidden = byQuery.find((it) => queryOf(it) === undefined);
  if (hidden && byName.length + own.length === 0) {
    throw new NotVisible(`Consul does not show the prepared query ${hidden.name}, to which there is an upstream`);
  }
  return [...byName, ...own];
}

/** `127.0.0.1:8080`, or the path of a Unix socket. */
export function bindOf({ port, socket }: RegisteredUpstream): string {
  return socket ?? `127.0.0.1:${port}`;
}
