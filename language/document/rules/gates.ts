import type { Json } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { nearest } from '../../nearest.js';
import { replacing } from '../problem.js';
import { roles } from '../roles.js';
import type { Context, DocumentRule, SpotRule } from './rule.js';

/** A gate can be approved by somebody. */
export const gates: SpotRule = ({ data }, context) => {
  const approval = field(data, 'approval');
  if (isObject(approval)) {
    known(approval, 'by', context);
    if (Object.hasOwn(approval, 'expect') && !Object.hasOwn(approval, 'questions'))
      context.report(context.places.nameOf(approval, 'expect'), {
        rule: 'gate-without-questions',
        message: 'the answers are expected to be something, and nothing is asked',
        hint: 'write questions: { … }',
      });
    if (Object.hasOwn(approval, 'onDeadline') && !Object.hasOwn(approval, 'deadline'))
      context.report(context.places.nameOf(approval, 'onDeadline'), {
        rule: 'gate-without-deadline',
        message: 'there is no deadline',
        hint: 'write deadline: 2h',
      });
  }
  if (Object.hasOwn(data, 'by')) known(data, 'by', context);
};

/** What approves every scheduled run has bounds, and people. */
export const standing: DocumentRule = (context) => {
  const { long, places } = context;
  const approval = field(long, 'standingApproval');
  if (!isObject(approval)) return;
  known(approval, 'by', context);
  const bounds = field(approval, 'bounds');
  if (!Array.isArray(bounds) || bounds.length === 0)
    context.report(places.nameOf(long, 'standingApproval'), {
      rule: 'standing-approval-without-bounds',
      message: 'a standing approval without bounds would approve everything',
      hint: 'write bounds: with the conditions under which nobody has to be asked',
    });
};

function known(holder: object, key: string, context: Context): void {
  const by = (holder as Record<string, Json>)[key];
  const names = isObject(by) ? field(by, 'of') : by;
  if (!Array.isArray(names)) return;
  for (const [at, name] of names.entries()) {
    if (typeof name !== 'string' || roles.includes(name)) continue;
    const place = context.places.of(names, at);
    const meant =
      nearest(name, roles) ?? roles.find((role) => role.length > 3 && name.includes(role));
    const listed = `Roles: ${roles.join(', ')}`;
    context.report(place, {
      rule: 'unknown-role',
      message: `no policy gives anybody the role "${name}": this gate could never be approved`,
      hint: meant === undefined ? listed : `did you mean ${meant}? ${listed}`,
      fix: meant === undefined ? undefined : replacing(place, meant),
    });
  }
  const any = isObject(by) ? field(by, 'any') : undefined;
  if (typeof any === 'number' && any > names.length && isObject(by))
    context.report(context.places.of(by, 'any'), {
      rule: 'gate-of-too-many',
      message: `${any} of ${names.length} people can never approve`,
    });
}
