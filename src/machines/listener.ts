import { connect } from 'node:net';

/** Whether anyone listens on the socket at `path`. */
export function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    // Too many wait already for him who listens (unix(7)).
    socket.on('error', (error) => resolve('code' in error && error.code === 'EAGAIN'));
  });
}
