/** One of those who wait for the same work. */
interface Passenger<Progress> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

interface Flight<Progress> {
  readonly end: Promise<void>;
  readonly abandon: AbortController;
  readonly passengers: Set<Passenger<Progress>>;
}

/** Work that is done once for all who ask for it while it is under way. */
export interface Flights<Progress> {
  /**
   * Ends as the work under `key` does; `work` is started only when none is under way. A passenger
   * whose signal aborts leaves alone: the work goes on for the others, and is aborted, and waited
   * for, when the last one leaves.
   */
  join(
    key: string,
    work: (signal: AbortSignal, tell: (progress: Progress) => void) => Promise<void>,
    passenger: Passenger<Progress>,
  ): Promise<void>;
}

export function createFlights<Progress>(): Flights<Progress> {
  const flights = new Map<string, Flight<Progress>>();

  const depart = (key: string, work: Parameters<Flights<Progress>['join']>[1]) => {
    const abandon = new AbortController();
    const passengers = new Set<Passenger<Progress>>();
    const tell = (progress: Progress): void => {
      for (const { onProgress } of passengers) onProgress?.(progress);
    };
    const flight = { abandon, passengers, end: work(abandon.signal, tell) };
    flights.set(key, flight);
    return flight;
  };

  return {
    async join(key, work, { signal, onProgress }) {
      signal?.throwIfAborted();
      const flight = flights.get(key) ?? depart(key, work);
      const passenger = { onProgress };
      flight.passengers.add(passenger);
      try {
        await endOrAbort(flight.end, signal);
      } finally {
        flight.passengers.delete(passenger);
        if (flight.passengers.size === 0) {
          if (flights.get(key) === flight) flights.delete(key);
          flight.abandon.abort(signal?.reason);
          await flight.end.catch(() => undefined);
        }
      }
    },
  };
}

function endOrAbort(end: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return end;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    end.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
