// What `relaymap lookup` says of thousands of generated addresses, against a live smtpd of Debian 13, whose Postfix
// is three years younger than Debian 12's.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listed, questions } from '../support/addresses.ts';
import type { DebianTree } from '../support/debian-tree.ts';
import { askTree, postfixTree } from '../support/postfix-tree.ts';
import { Scene } from '../support/scene.ts';
import { InstalledMaps, rare, said } from '../support/verdicts.ts';

const COUNT = 4000;
let scene: Scene;
let tree: DebianTree;
beforeAll(async () => {
  tree = await postfixTree();
  scene = await Scene.open({ rows: listed() });
});
afterAll(() => scene?.close());

test.each(['', '+', '+-'])('no answer differs with the delimiter "%s"', async (delimiter) => {
  const asked = questions(COUNT, 80 + delimiter.length);
  const replies = await askTree(tree, scene.gateway.mapDir, { recipient_delimiter: delimiter }, asked);
  const answers = replies.map(said);
  expect(rare(answers)).toEqual([]);
  expect(new InstalledMaps(scene.gateway.mapDir).differences(asked, answers, { delimiter })).toEqual([]);
});
