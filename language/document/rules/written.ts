import type { JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { nearest } from '../../nearest.js';
import { textIn, textsIn } from '../expand/draft.js';
import type { Library } from '../library.js';
import { problemAt, replacing, type Problem } from '../problem.js';
import type { Written } from '../read.js';
import { head } from '../shape.js';
import type { Sort } from '../sort.js';

/*
 * Rules about what is written, before anything is inserted.
 */

/** What a document must say and the shape cannot know, because the sorts of files share one. */
export function documentProblems(written: Written, sort: Sort, library: Library): Problem[] {
  const { data, places, source } = written;
  const problems: Problem[] = [];
  const report = (place: Parameters<typeof problemAt>[0], said: Parameters<typeof problemAt>[1]) =>
    problems.push(problemAt(place, said));
  if (sort === 'inputGroups' || sort === 'kinds' || sort === 'test') return [];
  const id = textIn(data, sort);
  const kind = sort === 'action' ? 'action' : 'runbook';
  if (!Object.hasOwn(data, sort))
    report(head(data, places), {
      rule: 'field-missing',
      message: `the file does not say what it is: its first line is ${sort}: and its id`,
      hint: `write ${sort}: ${idOf(source.file)}`,
    });
  else if (id !== '' && idOf(source.file) !== id && /\.(runbook|action)\.yaml$/.test(source.file))
    report(places.of(data, sort), {
      rule: 'file-name',
      message: `the file of ${id} is called ${id}.${kind}.yaml`,
      hint: `rename the file, or write ${sort}: ${idOf(source.file)}`,
    });
  if (sort === 'runbook')
    for (const key of ['type', 'priority'])
      if (!Object.hasOwn(data, key) && Object.hasOwn(data, 'runbook'))
        report(head(data, places), {
          rule: 'field-missing',
          message: `the runbook needs ${key}`,
          hint: 'a part, which stands inside runbooks only, does not: part: instead of runbook:',
        });
  groups(written, library, problems);
  return problems;
}

function idOf(file: string): string {
  return file.replace(/^.*[\\/]/, '').replace(/\.(runbook|action)\.yaml$/, '');
}

function groups({ data, places }: Written, library: Library, problems: Problem[]): void {
  const names = field(data, 'inputGroups');
  if (!Array.isArray(names)) return;
  const known = library.shared('inputGroups');
  const owners = new Map<string, string>();
  const own = field(data, 'inputs');
  for (const [at, name] of textsIn(data, 'inputGroups').entries()) {
    const place = places.of(names, at);
    const group = known.get(name);
    if (!group) {
      const meant = nearest(name, [...known.keys()]);
      problems.push(
        problemAt(place, {
          rule: 'unknown-input-group',
          message: `no input group is called "${name}"`,
          hint: meant === undefined ? 'input-groups.yaml declares them' : `did you mean ${meant}?`,
          fix: meant === undefined ? undefined : replacing(place, meant),
        }),
      );
    }
    for (const input of Object.keys(group?.data ?? {})) {
      const other = owners.get(input);
      if (other !== undefined)
        problems.push(
          problemAt(place, {
            rule: 'input-twice',
            message: `the groups ${other} and ${name} both have an input ${input}`,
          }),
        );
      owners.set(input, name);
    }
  }
  for (const name of Object.keys(isObject(own) ? own : {})) {
    const group = owners.get(name);
    if (group === undefined || !isObject(own) || field(ownInput(own, name), 'group') === group)
      continue;
    problems.push(
      problemAt(places.nameOf(own, name), {
        rule: 'input-twice',
        message: `the input group ${group} has an input ${name} already`,
      }),
    );
  }
}

function ownInput(inputs: JsonObject, name: string): JsonObject {
  const input = field(inputs, name);
  return isObject(input) ? input : {};
}
