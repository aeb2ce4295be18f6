"""What `make bench` runs: filters against their peers, then start-up."""

from benchmarks import speed, startup

speed.main()
startup.main()
