import { field } from '../../objects.js';
import { placedName, wrongFileName } from '../../step-files.js';
import type { SpotRule } from './rule.js';

/** Files lie beside the runbook, and the step runs in a folder of its own that holds them. */
export const files: SpotRule = ({ data }, context) => {
  const names = field(data, 'files');
  if (!Array.isArray(names)) return;
  const { places, library, sort } = context;
  if (sort === 'action')
    context.report(places.nameOf(data, 'files'), {
      rule: 'files',
      message: 'a named action has no files: they lie beside a runbook',
      hint: 'put what is in the file into the script',
    });
  if (Object.hasOwn(data, 'cwd'))
    context.report(places.nameOf(data, 'cwd'), {
      rule: 'files',
      message: 'a step with files runs in the folder that holds them, and can have no cwd',
    });
  const placed = new Map<string, string>();
  for (const [at, name] of names.entries()) {
    if (typeof name !== 'string') continue;
    const place = places.of(names, at);
    const other = placed.get(placedName(name));
    placed.set(placedName(name), name);
    const wrong =
      wrongFileName(name) ??
      (other === undefined
        ? library.files.wrongBeside?.(place.source.path, name)
        : `${other} and ${name} would be one file in the folder of the step`);
    if (wrong) context.report(place, { rule: 'files', message: wrong });
  }
};
