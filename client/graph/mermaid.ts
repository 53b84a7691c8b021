import { loopWords } from '../../language/loop-words.js';
import { visibleLine } from '../../common/visible.js';
import {
  endings,
  endsRunbook,
  foldSteps,
  type FoldedCase,
  type FoldedStep,
} from '../../language/fold.js';
import { describeAction, type Action } from '../../language/kinds/index.js';
import { mermaid } from '../report/escape.js';
import type { Drawn } from './picture.js';

/*
 * The steps as text for Mermaid, which code hosts draw.
 */

/** Letters of a label that are shown. */
const labelLength = 90;

function label(text: string): string {
  const whole = [...visibleLine(text)];
  const cut = whole.length > labelLength ? [...whole.slice(0, labelLength - 1), '…'] : whole;
  return mermaid(cut.join(''));
}

export function mermaidText(drawn: Drawn): string {
  const writer = new Writer();
  const steps = foldSteps(drawn.steps, drawn);
  const [first, last] = [writer.add('start', 'round', drawn.title), writer.next()];
  const ends = writer.sequence(steps, [{ from: first }]);
  writer.node(last, 'end', 'round');
  writer.link(ends, last);
  return [
    'flowchart TD',
    ...writer.lines.map((line) => `  ${line}`),
    '  classDef read fill:#f3f7fc,stroke:#7d9cc4',
    '  classDef change fill:#fff7e8,stroke:#b26a00',
    '  classDef destroy fill:#fdeceb,stroke:#b3261e,stroke-width:3px',
    '  classDef gate fill:#f3edfb,stroke:#5f3a9e',
    '  classDef left stroke-dasharray:4 4,color:#5b6470',
    '',
  ].join('\n');
}

/** Where an arrow begins, and what stands at it. */
interface End {
  from: string;
  label?: string | undefined;
}

type Shape = 'box' | 'round' | 'diamond' | 'hexagon';
const shapes: Readonly<Record<Shape, readonly [string, string]>> = {
  box: ['["', '"]'],
  round: ['(["', '"])'],
  diamond: ['{"', '"}'],
  hexagon: ['{{"', '"}}'],
};

class Writer {
  readonly lines: string[] = [];
  private count = 0;

  next(): string {
    this.count += 1;
    return `n${this.count}`;
  }

  /** @param tone name of its class */
  add(tone: string, shape: Shape, ...texts: string[]): string {
    const id = this.next();
    this.node(id, texts.map(label).join('<br/>'), shape, tone);
    return id;
  }

  /** @param text as `label` makes it */
  node(id: string, text: string, shape: Shape, tone = ''): void {
    const [open, close] = shapes[shape];
    const known = ['read', 'change', 'destroy', 'gate', 'left'].includes(tone);
    this.lines.push(`${id}${open}${text}${close}${known ? `:::${tone}` : ''}`);
  }

  link(ends: readonly End[], to: string): void {
    for (const { from, label: words } of ends)
      this.lines.push(
        words === undefined ? `${from} --> ${to}` : `${from} -->|"${label(words)}"| ${to}`,
      );
  }

  sequence(steps: readonly FoldedStep[], ends: readonly End[]): End[] {
    return steps.reduce((open, step) => this.step(step, open), [...ends]);
  }

  private step(step: FoldedStep, ends: readonly End[]): End[] {
    const { path, spec, left, when, cases } = step;
    if (left !== undefined) {
      const id = this.add('left', 'box', path, `not needed: ${left}`);
      this.link(ends, id);
      return [{ from: id }];
    }
    const condition = when === undefined ? [] : [`when ${when}`];
    if (cases) {
      const id = this.add('', 'diamond', path, spec.title, ...condition);
      this.link(ends, id);
      return this.cases(cases, id);
    }
    if (step.steps.length > 0) {
      const loop = loopWords(spec);
      const words = [spec.title, ...(loop === null ? [] : [loop]), ...condition];
      const id = this.add('', 'round', `${spec.kind}: ${path}`, ...words);
      this.link(ends, id);
      const open = [{ from: id }];
      return spec.kind === 'parallel'
        ? step.steps.flatMap((each) => this.step(each, open))
        : this.sequence(step.steps, open);
    }
    const isGate = spec.kind === 'approval';
    const id = this.add(
      isGate ? 'gate' : spec.effect,
      isGate ? 'hexagon' : 'box',
      `${isGate ? 'gate' : (endings[spec.kind] ?? spec.effect)}: ${path}`,
      spec.title,
      ...condition,
      ...(spec.pointOfNoReturn ? ['POINT OF NO RETURN'] : []),
      ...(spec.work ? [describeAction(spec.work.action as unknown as Action)] : []),
      ...(spec.undo ? [`undo: ${spec.undo}`] : []),
    );
    this.link(ends, id);
    return endsRunbook([step]) ? [] : [{ from: id }];
  }

  private cases(cases: readonly FoldedCase[], from: string): End[] {
    return cases.flatMap((way) => {
      const ends = [{ from, label: caseWords(way) }];
      if (way.left !== undefined) {
        this.link(ends, this.add('left', 'box', way.path, `not needed: ${way.left}`));
        return [];
      }
      if (!way.cases) return this.sequence(way.steps, ends);
      const id = this.add('', 'diamond', way.path, way.title);
      this.link(ends, id);
      return this.cases(way.cases, id);
    });
  }
}

function caseWords({ title, when }: { title: string; when?: string }): string {
  return when === undefined ? title : `${title}: ${when}`;
}
