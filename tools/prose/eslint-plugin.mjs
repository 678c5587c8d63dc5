import { WORDS } from "./words.mjs";

/** Refuses the words of the list in the text of pages, and in strings and comments of code. */
const words = {
  meta: {
    type: "suggestion",
    schema: [],
    messages: { instead: '"{{found}}" is not how the field puts it. Write {{instead}}.' },
  },
  create(context) {
    const { sourceCode } = context;
    const examine = (text, loc) => {
      for (const { pattern, instead } of WORDS) {
        for (const [found] of text.matchAll(pattern)) {
          context.report({ loc, messageId: "instead", data: { found: found.replace(/\s+/g, " "), instead } });
        }
      }
    };
    // Emphasis and links cut a sentence into several nodes, but not a phrase of the list.
    const node = (text) => (it) => examine(text(it), sourceCode.getLoc(it));
    if (context.languageId?.startsWith("markdown") || sourceCode.ast.type === "root") {
      return { text: node(({ value }) => value) };
    }
    return {
      Program: () =>
        sourceCode.getAllComments().forEach(({ value, loc }) => examine(value.replace(/\n\s*\* ?/g, "\n"), loc)),
      Literal: node(({ value, parent }) => (typeof value === "string" && parent.source === undefined ? value : "")),
      TemplateElement: node(({ value }) => value.raw),
    };
  },
};

export default { rules: { words } };
