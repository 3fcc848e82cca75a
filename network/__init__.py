"""The network service: networks, subnets, ports, routers, floating IPs and security groups, and the agent that makes them real."""
