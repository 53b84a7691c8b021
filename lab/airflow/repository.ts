import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A repository of Git with DAGs, as a bundle of Airflow tracks it. */
export class Repository {
  private constructor(
    private readonly work: string,
    readonly url: string,
  ) {}

  /** With the DAG `versions`. @param folder of its own */
  static async create(folder: string): Promise<Repository> {
    const [bare, work] = [join(folder, 'repository.git'), join(folder, 'work')];
    await mkdir(work, { recursive: true });
    await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
    const repository = new Repository(work, bare);
    await repository.git('init', '--quiet', '--initial-branch=main');
    await repository.git('remote', 'add', 'origin', bare);
    const source = join(process.cwd(), 'lab', 'airflow', 'repository', 'versions.py');
    await repository.push(await readFile(source, 'utf8'));
    return repository;
  }

  /** Changes the DAG. @returns the commit, which Airflow calls the bundle's version */
  async change(from: string, to: string): Promise<string> {
    const text = await readFile(this.file, 'utf8');
    if (!text.includes(from)) throw new Error(`versions.py does not hold ${from}`);
    return this.push(text.replace(from, to));
  }

  private get file(): string {
    return join(this.work, 'versions.py');
  }

  private async push(text: string): Promise<string> {
    await writeFile(this.file, text);
    await this.git('add', 'versions.py');
    await this.git(
      '-c',
      'user.name=lab',
      '-c',
      'user.email=lab@localhost',
      'commit',
      '--quiet',
      '--message=DAG',
    );
    await this.git('push', '--quiet', 'origin', 'main');
    return (await this.git('rev-parse', 'HEAD')).trim();
  }

  private async git(...args: string[]): Promise<string> {
    return (await execa('git', args, { cwd: this.work })).stdout;
  }
}
