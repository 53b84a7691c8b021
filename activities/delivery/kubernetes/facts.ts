import { z } from 'zod';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { StepFailure } from '../../failure.js';

const text = z.string().min(1);

/** A target's facts about its Deployment. */
const facts = z.object({
  platform: z.literal('kubernetes'),
  kubeconfig: text,
  context: text,
  namespace: text,
  deployment: text,
  container: text,
  kubectl: text.default('kubectl'),
});

export type ClusterFacts = z.infer<typeof facts>;

/** @throws StepFailure Configuration */
export function clusterFacts({
  name,
  facts: declared,
}: Pick<TargetDeclaration, 'name' | 'facts'>): ClusterFacts {
  const parsed = facts.safeParse(declared);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new StepFailure(
    'Configuration',
    `target ${name} does not say which Deployment it is (${wrong})`,
    {
      next:
        'Its facts in targets.yaml need `platform: kubernetes`, `kubeconfig`, `context`, ' +
        '`namespace`, `deployment`, `container` and `image`.',
    },
  );
}
