import { expect, test } from '@jest/globals';
import { nearest } from '../../../language/nearest.js';

test.each([
  ['mesure', ['before', 'measure', 'after'], 'measure'],
  ['nme', ['environment', 'name'], 'name'],
  // A part of a name, where nothing is one letter away.
  ['backup', ['restore-database', 'backup-retention'], 'backup-retention'],
  ['up', ['run', 'now'], undefined],
  ['xy', ['ab'], undefined],
  ['wait', ['approve', 'reject'], undefined],
  ['', ['a'], undefined],
  ['a', [], undefined],
  ['NAME', ['name'], 'name'],
])('%s among %j', (text, candidates, expected) => {
  expect(nearest(text, candidates)).toBe(expected);
});
