import { sharedClass } from "../../constructs/core/shared-class";

/** What a copy of the package has. */
function copy() {
  class Place {
    static {
      sharedClass(this, "Place");
    }
  }
  class Town extends Place {}
  return { Place, Town };
}

const [one, other] = [copy(), copy()];

test("an object of one copy is an instance of the other's class, and so is one of a subclass", () => {
  expect(new one.Place()).toBeInstanceOf(other.Place);
  expect(new one.Town()).toBeInstanceOf(other.Place);
  expect(new one.Town()).toBeInstanceOf(one.Town);
});

test("an object of the class is none of a subclass that has no mark of its own", () => {
  expect(new one.Place()).not.toBeInstanceOf(one.Town);
});

test.each([undefined, null, "Place", {}, { name: "Place" }, new Date()])("%p is none", (value) => {
  expect(value).not.toBeInstanceOf(one.Place);
});
