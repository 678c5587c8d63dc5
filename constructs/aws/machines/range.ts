import type { Place } from "../../core/problems";

/** Refuses a maximum below the minimum. */
export function refuseReversedRange(place: Place, { min, max }: { readonly min: number; readonly max: number }): void {
  if (max < min) place.refuse("max", max, `${min} (min) or more`, "Give the larger number as max.");
}
