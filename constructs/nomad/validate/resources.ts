import { itemsOf, known, listOf, textsOf, type Place } from "../../core/problems";
import type * as nomad from "../generated/job";
import { examineAffinities, examineConstraints } from "./placement";

const LEAST_MEMORY = 10;
const UNLIMITED = -1;

export function examineResources(place: Place, resources: nomad.Resources): void {
  const { Cores = 0, MemoryMB = 300, MemoryMaxMB = 0, SecretsMB = 0 } = resources;
  // The default of Nomad is 100 MHz, for a task with neither of the two.
  const cpu = resources.CPU ?? (resources.Cores === undefined ? 100 : 0);
  if (Cores > 0 && cpu > 0) {
    place.refuse("cores", Cores, "cpu or cores, but not both", "Omit one of the two.", { comparedWith: cpu });
  }
  if (Cores === 0 && cpu < 1) {
    place.refuse("cpu", cpu, "1 or more (MHz)", "Set cpu or cores.");
  }
  place.atLeast("memory", MemoryMB, LEAST_MEMORY, "Increase the memory of the task (MiB).");
  if (MemoryMaxMB !== 0 && MemoryMaxMB !== UNLIMITED && MemoryMaxMB < MemoryMB) {
    place.refuse("memory_max", MemoryMaxMB, `memory (${MemoryMB}) or more`, "Raise memory_max, or lower memory.", {
      comparedWith: MemoryMB,
    });
  }
  if (SecretsMB < 0 || SecretsMB > MemoryMB) {
    place.refuse("secrets", SecretsMB, `0 to memory (${MemoryMB})`, "Lower it.", { comparedWith: MemoryMB });
  }
  examineDevices(place, itemsOf(resources.Devices));
  examineNuma(place, resources);
}

function examineDevices(place: Place, devices: readonly nomad.RequestedDevice[]): void {
  devices.forEach((device, index) => {
    const here = place.labelled("device", device.Name ?? index + 1);
    here.required("name", device.Name, "Name it by type, vendor/type or vendor/type/name.");
    here.atLeast("count", device.Count, 0, "Use a valid number of devices.");
    examineConstraints(here, device.Constraints, "task");
    examineAffinities(here, device.Affinities, "service");
  });
}

/** Examines the values of a `numa` block. Only Nomad Enterprise uses it. */
function examineNuma(place: Place, { NUMA, Devices }: nomad.Resources): void {
  const numa = known(NUMA);
  if (numa === undefined) {
    return;
  }
  const here = place.block("numa");
  here.oneOf("affinity", numa.Affinity === "" ? undefined : numa.Affinity, ["none", "prefer", "require"]);
  const names = itemsOf(Devices).map(({ Name = "" }) => Name);
  for (const device of textsOf(numa.Devices)) {
    if (!names.includes(device)) {
      here.refuse(
        "devices",
        device,
        names.length === 0 ? "a device that the task requests" : listOf(names),
        "Request the device in resources.device.",
        {
          comparedWith: names,
        },
      );
    }
  }
}
