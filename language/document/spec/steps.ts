import type { Expression } from '../../expression/ast.js';
import { both } from '../../expression/write.js';
import { readExpression } from '../../read-expression.js';
import { describeAction } from '../../kinds/index.js';
import { shown } from '../../kinds/words.js';
import { undoneByHand } from '../../undo-words.js';
import type { Json, JsonObject } from '../../json.js';
import { isObject } from '../../objects.js';
import { neededAnswers } from '../../asked.js';
import { durationMs } from '../../duration.js';
import type { InputSpec, StepSpec, WorkTemplate } from '../../runbook.js';
import { isAction, type Kind } from '../kinds.js';
import { ActionBuilder } from './actions.js';
import { branchOf, type ReadCase } from './branch.js';
import { channelAt, ending, gateBefore, isGated, isLookedFor, look, proofOf } from './made-ids.js';
import { textIn } from '../expand/draft.js';
import {
  group,
  grouped,
  inWords,
  isExpression,
  listIn,
  objectIn,
  retryOf,
  rootsIn,
  textOf,
} from './fields.js';

/** What every step has, whatever it does. */
type Own = Pick<StepSpec, 'id' | 'title'> & Partial<StepSpec>;

/** Steps in the engine's form. */
export abstract class StepBuilder extends ActionBuilder {
  /** What is declared of an input, or of an answer. */
  protected abstract input(inputs: JsonObject, name: string): InputSpec;

  /** @param inOrder false for those of a `parallel`, which see nothing of each other */
  protected steps(list: readonly Json[], inOrder = true): StepSpec[] {
    return list.flatMap((each) => (isObject(each) ? this.step(each, inOrder) : []));
  }

  /** A step, behind the look and the gate that it has of its own. */
  protected step(step: JsonObject, inOrder = true): StepSpec[] {
    const approval = objectIn(step, 'approval');
    const kind = textIn(step, 'kind');
    const id = textIn(step, 'id');
    if (Object.hasOwn(step, 'softTimeout')) this.notYet(step, 'softTimeout', '`softTimeout`');
    if (kind === 'approval') return [this.gate(step, id, textIn(step, 'title'), approval)];
    const proof = inOrder ? this.proof(step) : undefined;
    const isOpen = proof && readExpression(`steps.${proof.id}.failed`);
    const title = `Approve: ${textIn(step, 'title') || id}`;
    const own = this.plain(step, kind);
    const when = allOf([own.when, isOpen]);
    return [
      ...(proof ? [proof] : []),
      ...(isGated(step) ? [this.gate(step, gateBefore(id), title, approval, isOpen)] : []),
      { ...own, ...(when ? { when } : {}) },
    ];
  }

  /**
   * A look whether the effect is there already: then nothing is done, and nobody is asked. Absent
   * where a single look proves nothing.
   */
  protected proof(step: JsonObject): StepSpec | undefined {
    const verify = objectIn(step, 'verify');
    if (!isLookedFor(step)) return undefined;
    const action = this.action(verify, textIn(verify, 'kind'));
    this.timing(action);
    const { expect = [] } = this.expectations(verify, action);
    const condition = this.condition(verify, 'until');
    const when = this.expression(step, 'when');
    const timeout = this.duration(verify, 'timeout');
    const until = condition ? [{ condition, otherwise: 'it is not done yet' }] : [];
    return {
      ...look,
      id: proofOf(textIn(step, 'id')),
      title: `Look whether it is done: ${textIn(step, 'title') || inWords(textIn(step, 'id'))}`,
      kind: action['kind'] as StepSpec['kind'],
      ...(when ? { when } : {}),
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      work: { action, expect: [...expect, ...until] },
    };
  }

  /** @param isOpen what else has to hold for anybody to be asked */
  protected gate(
    step: JsonObject,
    id: string,
    title: string,
    approval: JsonObject,
    isOpen?: Expression,
  ): StepSpec {
    for (const key of ['questions', 'confirm', 'expect', 'onDeadline'])
      if (Object.hasOwn(approval, key)) this.notYet(approval, key, `\`${key}\` of an approval`);
    const by = approval['by'];
    if (!Array.isArray(by) || by.length > 1)
      this.notYet(approval, 'by', 'an approval by more than one person');
    const when = allOf([this.expression(step, 'when'), this.expression(approval, 'when'), isOpen]);
    const evidence = approval['evidence'];
    const deadline = this.duration(approval, 'deadline');
    return {
      ...{ id, title, kind: 'approval', effect: 'read', approvers: 'another' },
      ...(when ? { when } : {}),
      ...(isObject(evidence) && !isExpression(evidence) ? { evidence } : {}),
      ...(isExpression(evidence) ? { evidence: { evidence } } : {}),
      ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    };
  }

  protected plain(step: JsonObject, kind: string): StepSpec {
    const own = this.common(step);
    switch (kind) {
      case 'steps':
        return group(own.id, own.title, this.steps(listIn(step, 'steps')), this.around(step, own));
      case 'parallel':
        return grouped(
          this.around(step, own),
          'parallel',
          this.steps(listIn(step, 'parallel'), false),
        );
      case 'forEach':
        return this.loop(step, own);
      case 'branch':
        return this.branch(step, own);
      case 'runbook':
        return this.nested(step, own);
      case 'manual':
        return this.manual(step, own);
      case 'set':
        return { ...own, kind: 'set', effect: 'read', values: objectIn(step, 'set') };
      case 'succeed':
      case 'fail':
        return this.ending(step, kind, own);
      case 'wait':
        return this.wait(step, own);
      case 'notify':
        return listIn(step, 'to').length > 1
          ? this.toEach(step, own)
          : this.acting(step, kind, own);
      case 'undoNow':
      case 'use':
      case 'traffic':
      case 'analysis':
      case 'rollout':
        this.notYet(step, kind, `\`${kind}\``);
        return { ...own, kind: 'set', effect: 'read', values: {} };
      default:
        return this.acting(step, kind, own);
    }
  }

  /** A message to several channels: a step for each, so that none is sent twice for another. */
  protected toEach(step: JsonObject, { onFailure, ...own }: Own): StepSpec {
    const each = listIn(step, 'to').map((channel, index): StepSpec => {
      const one = this.places.copy(step, { ...step, to: [channel] });
      const id = channelAt(index);
      const title = `${own.title}: ${typeof channel === 'string' ? channel : id}`;
      return this.acting(one, 'notify', { id, title, ...(onFailure ? { onFailure } : {}) });
    });
    return grouped(own, 'parallel', each);
  }

  protected common(step: JsonObject): Pick<StepSpec, 'id' | 'title'> & Partial<StepSpec> {
    const kind = textIn(step, 'kind') as Kind;
    // Whether a gate is needed is proved without the run's word for the time.
    if ((isAction(kind) || kind === 'wait') && !Object.hasOwn(step, 'approval'))
      this.timing(step['when']);
    const when = this.expression(step, 'when');
    return {
      id: textIn(step, 'id'),
      title: textIn(step, 'title') || inWords(textIn(step, 'id')),
      ...(Object.hasOwn(step, 'note') ? { description: textIn(step, 'note') } : {}),
      ...(when ? { when } : {}),
      ...this.onFailure(step),
      ...(step['temporary'] === true ? { temporary: true as const } : {}),
    };
  }

  /** A group passes `capture` on to the actions inside; for what is none it says nothing. */
  protected onFailure(step: JsonObject): Pick<StepSpec, 'onFailure'> {
    const said = textIn(step, 'onFailure');
    const kind = textIn(step, 'kind');
    const isCaptured = said === 'capture' && (isAction(kind as Kind) || kind === 'runbook');
    if (said === 'undo' || (said === 'capture' && kind === 'manual'))
      this.notYet(step, 'onFailure', `\`onFailure: ${said}\` of a ${kind}`);
    if (said === '' || said === 'ask' || (said === 'capture' && !isCaptured)) return {};
    return { onFailure: said as NonNullable<StepSpec['onFailure']> };
  }

  protected around(step: JsonObject, own: Own): Own {
    return Object.hasOwn(step, 'outputs') ? { ...own, outputs: this.madeOf(step) } : own;
  }

  /** What a group or a case answers beside the steps inside it. */
  protected madeOf(step: JsonObject): NonNullable<StepSpec['outputs']> {
    const outputs = objectIn(step, 'outputs');
    return Object.fromEntries(
      Object.keys(outputs).flatMap((name) => {
        const value = this.expression(objectIn(outputs, name), 'value');
        return value ? [[name, [value]]] : [];
      }),
    );
  }

  protected loop(step: JsonObject, own: Own): StepSpec {
    const inner = this.steps(listIn(step, 'steps'));
    if (inner.some(({ kind }) => kind === 'approval'))
      this.notYet(step, 'steps', 'an approval inside a forEach');
    const { as, maxFailures } = step;
    const key = this.expression(step, 'key');
    const stopWhen = this.expression(step, 'stopWhen');
    // What is looked at behind each item needs them one at a time.
    const concurrency = stopWhen ? 1 : step['concurrency'];
    return {
      ...grouped(own, 'forEach', inner),
      items: this.byName(step['forEach'] ?? []),
      ...(typeof as === 'string' ? { as } : {}),
      ...(key ? { key } : {}),
      ...(typeof concurrency === 'number' ? { concurrency } : {}),
      ...(typeof maxFailures === 'number' || typeof maxFailures === 'string'
        ? { maxFailures }
        : {}),
      ...(stopWhen ? { stopWhen } : {}),
    };
  }

  protected branch(step: JsonObject, own: Own): StepSpec {
    const { steps, outputs } = branchOf(
      own.title,
      this.cases(step, own.title),
      this.choosing(step),
    );
    const made = { ...outputs, ...this.madeOf(step) };
    return group(own.id, own.title, steps, { ...own, outputs: made });
  }

  /** Who confirms is named, and nobody checks it yet, as with approvals. */
  protected choosing(branch: JsonObject): Partial<StepSpec> {
    return {
      ...(branch['choose'] === 'confirm' ? { confirm: true } : {}),
      ...this.evidence(branch),
    };
  }

  protected evidence({ evidence }: JsonObject): Pick<StepSpec, 'evidence'> {
    if (isExpression(evidence)) return { evidence: { evidence: evidence ?? null } };
    return isObject(evidence ?? null) ? { evidence: evidence as JsonObject } : {};
  }

  protected cases(branch: JsonObject, title: string): ReadCase[] {
    return listIn(branch, 'branch').flatMap((each) => {
      if (!isObject(each)) return [];
      const when = this.expression(each, 'when');
      const inner = Object.hasOwn(each, 'branch')
        ? branchOf(textIn(each, 'title') || title, this.cases(each, title), this.choosing(each))
        : undefined;
      const ends = Object.hasOwn(each, 'succeed')
        ? [this.ending(each, 'succeed', { id: ending, title: 'There is nothing left to do' })]
        : [];
      const steps = inner?.steps ?? [...this.steps(listIn(each, 'steps')), ...ends];
      return {
        ...{ data: each, steps, outputs: this.madeOf(each) },
        ...(when ? { when } : {}),
        ...(inner ? { inner } : {}),
      };
    });
  }

  protected nested(step: JsonObject, own: Own): StepSpec {
    const { runbook, mode } = step;
    if (typeof runbook !== 'string') this.notYet(step, 'runbook', 'a runbook that an input names');
    if (mode !== undefined && mode !== 'inline')
      this.notYet(step, 'mode', `\`mode: ${textOf(mode)}\``);
    return {
      ...{ ...own, kind: 'runbook', effect: 'change', runbook: textOf(runbook) },
      inputs: this.inputs(step),
    };
  }

  /** What a nested runbook is given. */
  protected inputs(step: JsonObject): JsonObject {
    const given = Object.entries(objectIn(step, 'with'));
    return Object.fromEntries(given.map(([name, value]) => [name, this.byName(value)]));
  }

  protected manual(step: JsonObject, own: Own): StepSpec {
    for (const key of ['checklist', 'attachments'])
      if (Object.hasOwn(step, key)) this.notYet(step, key, `\`${key}\``);
    const declared = objectIn(step, 'answers');
    const asked = Object.fromEntries(
      Object.keys(declared).map((name) => [name, this.input(declared, name)]),
    );
    const answers = neededAnswers(asked);
    const effect = (textIn(step, 'effect') || 'change') as StepSpec['effect'];
    return {
      ...{ ...own, kind: 'manual', effect, instructions: step['manual'] ?? own.title },
      ...(answers.length > 0 ? { answers } : {}),
      ...(Object.keys(asked).length > 0 ? { asked } : {}),
      ...this.evidence(step),
    };
  }

  protected wait(step: JsonObject, own: Own): StepSpec {
    const { wait = null } = step;
    const made = { ...own, kind: 'wait', effect: 'read' } as const;
    if (!isObject(wait)) return { ...made, forMs: durationMs(textOf(wait)) ?? 1 };
    if (Object.hasOwn(wait, 'event')) this.notYet(step, 'wait', '`wait` for an event');
    this.timing(wait['until']);
    return { ...made, until: wait['until'] ?? null };
  }

  protected ending(step: JsonObject, kind: 'succeed' | 'fail', own: Own): StepSpec {
    const told = objectIn(step, kind);
    const when = allOf([own.when, this.expression(told, 'when')]);
    const hint = textIn(told, 'hint');
    return {
      ...{ ...own, kind, effect: 'read', message: told['message'] ?? own.title },
      ...(when ? { when } : {}),
      ...(hint ? { hint } : {}),
    };
  }

  protected acting(step: JsonObject, kind: string, own: Own): StepSpec {
    const effect = (textIn(step, 'effect') || 'read') as StepSpec['effect'];
    const isPoll = Object.hasOwn(step, 'until');
    const action = this.action(step, kind);
    const undo = objectIn(step, 'undo');
    const verify = objectIn(step, 'verify');
    const limitMs = this.limit(verify, 'timeout');
    const verifying = Object.hasOwn(verify, 'kind')
      ? {
          ...this.poll(verify, this.action(verify, textIn(verify, 'kind'))),
          ...(limitMs === undefined ? {} : { limitMs }),
        }
      : undefined;
    for (const each of [action, verifying]) this.timing(each);
    const isUndone = Object.hasOwn(undo, 'kind');
    for (const key of ['runbook', 'when'])
      if (Object.hasOwn(undo, key)) this.notYet(undo, key, `\`${key}\` of an undo`);
    const byHand = undo['manual'];
    const undoing =
      isUndone && byHand === undefined ? this.action(undo, textIn(undo, 'kind')) : undefined;
    if (undoing && rootsIn(undoing).includes('out'))
      this.notYet(step, 'undo', 'an undo that uses what its own step answered');
    const isTakenBack = isUndone || byHand !== undefined;
    const noUndo = textIn(undo, 'none') || (isTakenBack ? '' : textIn(step, 'pointOfNoReturn'));
    const isOpen = isExpression(step['timeout']);
    const timeout = isOpen ? undefined : this.limit(step, 'timeout');
    const retry = objectIn(step, 'retry');
    if (verifying && hostIn(verify) !== hostIn(step))
      this.notYet(step, 'verify', 'a verification on another host than its step');
    const work: WorkTemplate = {
      action: isPoll ? this.poll(step, action) : action,
      ...this.expectations(step, action),
      ...(Object.hasOwn(step, 'outputs') ? { outputs: this.outputs(step) } : {}),
      ...(isOpen ? { timeout: step['timeout'] ?? null } : {}),
      ...(verifying ? { verify: verifying } : {}),
      ...(verifying && verify['proves'] === true ? { check: verifying } : {}),
      ...(undoing ? { undo: undoing } : {}),
      ...(byHand === undefined ? {} : { undoByHand: byHand }),
    };
    return {
      ...{ ...own, kind: (isPoll ? 'check' : action['kind']) as StepSpec['kind'], effect, work },
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(Object.hasOwn(retry, 'attempts') ? { retry: retryOf(retry) } : {}),
      ...(undoing ? { undo: textIn(undo, 'title') || describeAction(undoing as never) } : {}),
      ...(byHand === undefined ? {} : { undo: undoneByHand(shown(byHand)) }),
      ...(noUndo === '' ? {} : { noUndo }),
      ...(Object.hasOwn(step, 'pointOfNoReturn') ? { pointOfNoReturn: true } : {}),
    };
  }
}

/** The expression of the target whose host it is, as text. */
function hostIn(action: JsonObject): string | undefined {
  const { runsOn } = action;
  return isExpression(runsOn) ? runsOn.$ : undefined;
}

/** All of them must hold. */
function allOf(conditions: readonly (Expression | undefined)[]): Expression | undefined {
  const all = conditions.filter((each) => each !== undefined);
  return all.length === 0 ? undefined : all.reduce(both);
}
