import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { program } from '../specs.js';
import { installed, type Peer } from './python.js';

const steps = 20;

/**
 * `ansible-core`: one playbook, so many tasks on the local host without gathering facts.
 * @param folder for what it writes
 */
export async function ansible(folder: string): Promise<Peer> {
  const { programs, version } = await installed(['ansible-core==2.19.14']);
  const playbook = async (tasks: number): Promise<string> => {
    const file = join(folder, `playbook-${tasks}.json`);
    const task = { 'ansible.builtin.command': { argv: [program] } };
    await writeFile(
      file,
      JSON.stringify([{ hosts: 'localhost', gather_facts: false, tasks: Array(tasks).fill(task) }]),
    );
    return file;
  };
  const [one, all] = [await playbook(1), await playbook(steps + 1)];
  const timed = async (file: string): Promise<number> => {
    const began = performance.now();
    const interpreter = `ansible_python_interpreter=${join(programs, 'python')}`;
    await execa(
      join(programs, 'ansible-playbook'),
      ['-i', 'localhost,', '-c', 'local', '-e', interpreter, file],
      {
        env: {
          PATH: `${programs}:${process.env['PATH'] ?? ''}`,
          ANSIBLE_HOME: join(folder, 'ansible'),
          ANSIBLE_LOCALHOST_WARNING: 'False',
        },
      },
    );
    return performance.now() - began;
  };
  return {
    ...{ name: 'Ansible', version, steps },
    // A playbook of one task as well, so that its start does not count.
    round: async () => ((await timed(all)) - (await timed(one))) / steps,
  };
}
