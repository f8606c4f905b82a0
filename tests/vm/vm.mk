# make check-kernel: the same programs on another kernel, in a virtual machine.

VM_GLOBS ?= net/unix_stream_read net/tcp4_read net/unix_not_accepted net/unix_dgram_sendto \
	net/udp4_connected net/netns_tcp net/unix_accept net/tcp_remote file/wait_before_read \
	file/epoll_nested file/epoll_shared file/io_uring_read file/timerfd_armed \
	file/signalfd_read file/posix_timer process/waitid_pidfd process/epoll_pidfd \
	process/vfork_fifo process/zombie_leader process/pidns_init_exit \
	lock/mutex_shared_abba_robust lock/mutex_pi lock/futex_waitv lock/gil_held_dead \
	lock/flock_two_shared lock/lease_break ipc/sem_abba ipc/mq_poll stop/freezer_v2 \
	stop/sigstop_pipeline stop/seccomp_notify stop/userfault stop/fuse_server_dead \
	tasks/locks_in_a_circle python/calls view/crew_of_threads healthy/supervisor_workers

check-kernel: $(PROGRAM) $(BUILD)/scenario $(PATIENT_PROGRAMS)
	$(Q)sh tests/lib/deps.sh vm
	$(Q)KERNEL="$(KERNEL)" tests/vm/boot.sh $(abspath $(BUILD)) $(or $(ARGS),$(VM_GLOBS))

.PHONY: check-kernel
