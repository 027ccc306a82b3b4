"use strict";
// Two texts word by word: the longest common subsequence of their words (Wagner and Fischer 1974).

const MOST_WORDS = 600; // longer texts are shown whole, one behind the other

// [["same" | "gone" | "new", text], ...], in the order of reading
function difference(before, after) {
  const one = before.match(/\s+|\S+/g) ?? [], other = after.match(/\s+|\S+/g) ?? [];
  if (one.length > MOST_WORDS || other.length > MOST_WORDS) return [["gone", before], ["new", after]];
  const wide = other.length + 1, longest = new Uint16Array((one.length + 1) * wide);
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      longest[i * wide + j] = one[i] === other[j]
        ? longest[(i + 1) * wide + j + 1] + 1
        : Math.max(longest[(i + 1) * wide + j], longest[i * wide + j + 1]);
    }
  }
  const found = [];
  const add = (kind, word) => (found.at(-1)?.[0] === kind ? (found.at(-1)[1] += word) : found.push([kind, word]));
  let i = 0, j = 0;
  while (i < one.length && j < other.length) {
    if (one[i] === other[j]) { add("same", one[i]); i++; j++; }
    else if (longest[(i + 1) * wide + j] >= longest[i * wide + j + 1]) add("gone", one[i++]);
    else add("new", other[j++]);
  }
  one.slice(i).forEach((word) => add("gone", word));
  other.slice(j).forEach((word) => add("new", word));
  return found;
}
