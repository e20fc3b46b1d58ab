/** What is under way: in the place of waitUntil, which keeps a Worker going after its caller is gone. */
export class Unfinished {
  private readonly works = new Set<Promise<unknown>>();

  add<T>(work: Promise<T>): Promise<T> {
    this.works.add(work);
    const remove = () => void this.works.delete(work);
    work.then(remove, remove);
    return work;
  }

  /** When all of it has ended, also what was added meanwhile; or after so many milliseconds. */
  async ended(limitMs: number): Promise<void> {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        over = true;
        resolve();
      }, limitMs);
    });
    while (this.works.size > 0 && !over) await Promise.race([limit, Promise.allSettled(this.works)]);
    clearTimeout(timer);
  }
}
