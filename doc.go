// Package mcpclient is a client for the Model Context Protocol (MCP) that keeps its sessions.
package mcpclient
