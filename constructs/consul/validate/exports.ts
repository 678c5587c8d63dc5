import { itemsOf, type Place } from "../../core/problems";
import type * as consul from "../generated/config-entries";
import { atMostOne } from "./common";

export function examineExports(place: Place, entry: consul.ExportedServicesConfigEntry): void {
  itemsOf(entry.Services).forEach((service, index) => {
    const here = place.block(`Services[${index}]`);
    here.required("Name", service.Name, "Name the service, or use * for all.");
    if (service.Namespace === "*" && service.Name !== "*") {
      here.refuse("Name", service.Name, "* where the namespace is *", "Name the namespace.");
    }
    const consumers = itemsOf(service.Consumers);
    if (consumers.length === 0) {
      here.refuse("Consumers", service.Consumers, "at least one consumer", "Add a peer.");
    }
    consumers.forEach((consumer, consumerIndex) => {
      const at = here.block(`Consumers[${consumerIndex}]`);
      const { Peer, Partition, SamenessGroup } = consumer;
      atMostOne(at, { Peer, Partition, SamenessGroup });
      for (const [field, value] of Object.entries({ Peer, Partition })) {
        if (value === "*") {
          at.refuse(field, value, "a single name", "Add a consumer for each name.");
        }
      }
    });
  });
}
